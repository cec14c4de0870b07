import { useState } from 'preact/hooks';
import { messageOf, mutate } from '../../api/index.ts';
import { type Column, DataTable } from '../../components/DataTable.tsx';
import { confirm } from '../../components/Dialog.tsx';
import { focusHeading } from '../../components/focus-heading.ts';
import { showMessage } from '../../components/message.tsx';
import { Time } from '../../components/Values.tsx';
import { formatCount, UNKNOWN } from '../../format/number.ts';
import {
  DeleteWebhookDocument,
  RotateWebhookSecretDocument,
  TestWebhookDocument,
  UpdateWebhookDocument,
  type WebhookFieldsFragment,
} from '../../generated/graphql.ts';
import { setParams } from '../../router/router.ts';
import { ruleName } from '../rules/kinds.ts';
import { openEditWebhook, openSecret } from './dialogs.tsx';
import { formatLabel } from './form.ts';

type Webhook = WebhookFieldsFragment;

interface Props {
  webhooks: readonly Webhook[];
  /** Whose deliveries are listed. */
  selected: string | null;
  reload(): void;
}

export const WebhookTable = ({ webhooks, selected, reload }: Props) => (
  <DataTable
    name="Webhooks"
    columns={columnsOf(selected, reload)}
    rows={webhooks}
    keyOf={({ id }) => id}
    classOf={({ id }) => (id === selected ? 'is-selected' : '')}
  />
);

const columnsOf = (selected: string | null, reload: () => void): Column<Webhook>[] => [
  {
    name: 'URL',
    isRowHeader: true,
    class: 'wrap',
    render: ({ id, url, description }) => (
      <>
        <span id={`webhook-${id}`}>{url}</span>
        {description && <div class="second">{description}</div>}
      </>
    ),
  },
  { name: 'Format', render: ({ format }) => formatLabel(format) },
  { name: 'Symbols', class: 'wrap', render: (webhook) => <Selection webhook={webhook} /> },
  { name: 'State', class: 'wrap', render: (webhook) => <State webhook={webhook} /> },
  { name: 'Pending', class: 'number', render: ({ pending }) => formatCount(pending) },
  {
    name: 'Last delivered',
    render: ({ lastDeliveredAt }) => (lastDeliveredAt ? <Time at={lastDeliveredAt} /> : UNKNOWN),
  },
  {
    name: 'Actions',
    isNameHidden: true,
    class: 'webhook-actions',
    render: (webhook) => <Actions webhook={webhook} isSelected={webhook.id === selected} reload={reload} />,
  },
];

const Selection = ({ webhook: { symbols, rules } }: { webhook: Webhook }) => (
  <>
    {symbols ? symbols.join(', ') : 'All stocks'}
    {rules?.length === 0 && <div class="second">No rule is left</div>}
    {rules && rules.length > 0 && <div class="second">Only {rules.map(ruleName).join(', ')}</div>}
  </>
);

/** A sign and words: the colour is not the only difference. */
function State({ webhook: { enabled, disabledReason, note } }: { webhook: Webhook }) {
  const reason = enabled ? note : disabledReason;
  return (
    <>
      {enabled ? (note ? '⚠ Sends nothing' : '● Enabled') : '○ Disabled'}
      {reason && <div class="second">{reason}</div>}
    </>
  );
}

interface ActionsProps {
  webhook: Webhook;
  isSelected: boolean;
  reload(): void;
}

function Actions({ webhook, isSelected, reload }: ActionsProps) {
  const { id, url, enabled } = webhook;
  const [isTesting, setTesting] = useState(false);
  const described = { type: 'button', 'aria-describedby': `webhook-${id}` } as const;

  async function run(what: string, action: () => Promise<void>) {
    try {
      await action();
      reload();
    } catch (error) {
      showMessage(`${what} failed: ${messageOf(error)}`, { failed: true });
    }
  }
  async function test() {
    if (isTesting) return;
    setTesting(true);
    await run('The test', async () => {
      const answer = await mutate(TestWebhookDocument, { input: { id } });
      if (!answer) return;
      const { delivered, status, error } = answer.testWebhook;
      const detail = error ?? (status ? `status ${status}` : null);
      const text = delivered ? 'The test was delivered' : 'The test was not delivered';
      showMessage(detail ? `${text}: ${detail}` : text, { failed: !delivered });
    });
    setTesting(false);
  }
  const rotate = () =>
    run('Rotating the secret', async () => {
      const text = 'This creates a new signing key. For 24 hours, messages are also signed with the old one.';
      if (!(await confirm({ title: 'Rotate secret', text, action: 'Rotate' }))) return;
      const answer = await mutate(RotateWebhookSecretDocument, { input: { id } });
      if (answer) await openSecret(answer.rotateWebhookSecret.secret);
    });
  const change = () =>
    run('The change', async () => void (await mutate(UpdateWebhookDocument, { input: { id, enabled: !enabled } })));
  const edit = async () => {
    if (await openEditWebhook(webhook)) reload();
  };
  const remove = () =>
    run('Deleting', async () => {
      const text = `${url} and its deliveries are deleted. What is pending is not sent.`;
      if (!(await confirm({ title: 'Delete webhook', text, action: 'Delete' }))) return;
      if (await mutate(DeleteWebhookDocument, { input: { id } })) focusHeading();
    });

  return (
    <div class="actions">
      <button {...described} aria-pressed={isSelected} onClick={() => setParams({ webhook: id })}>
        Show deliveries
      </button>
      <button {...described} aria-busy={isTesting} onClick={test}>{isTesting ? 'Sending…' : 'Send test'}</button>
      {webhook.format === 'STANDARD' && <button {...described} onClick={rotate}>Rotate secret</button>}
      <button {...described} onClick={change}>{enabled ? 'Disable' : 'Enable'}</button>
      <button {...described} onClick={edit}>Edit</button>
      <button {...described} onClick={remove}>Delete</button>
    </div>
  );
}
