import { useRef, useState } from 'preact/hooks';
import { askAdminToken, messageOf, mutate } from '../../api/index.ts';
import { type Column, DataTable } from '../../components/DataTable.tsx';
import { confirm } from '../../components/Dialog.tsx';
import { focusHeading } from '../../components/focus-heading.ts';
import { ListFrame } from '../../components/ListFrame.tsx';
import { Empty } from '../../components/ListState.tsx';
import { showMessage } from '../../components/message.tsx';
import { Page } from '../../components/Page.tsx';
import { Switch } from '../../components/Switch.tsx';
import { Time } from '../../components/Values.tsx';
import { ZoneNote } from '../../components/ZoneNote.tsx';
import { formatCount, formatPrice, UNKNOWN } from '../../format/number.ts';
import { DeleteRuleDocument, UpdateRuleDocument } from '../../generated/graphql.ts';
import { useShortcuts } from '../../keyboard/keys.ts';
import { Link } from '../../router/Link.tsx';
import { params, setParams, stockHref } from '../../router/router.ts';
import { openCreateRule, openEditRule } from './create-rule.tsx';
import { describeKind, ruleName, ruleSentence, thresholdText, triggerLabel } from './kinds.ts';
import { type Rule, type Rules, useRules } from './useRules.ts';
import './rules.css';

/** How many rules are shown at once, because a browser is slow with 100,000 rows. */
const SHOWN = 200;

export function RulesPage() {
  const list = useRules();
  const [shown, setShown] = useState(SHOWN);
  const filter = useRef<HTMLInputElement>(null);
  useShortcuts([{ keys: '/', label: 'Filter or find', run: () => filter.current?.focus() }]);
  const wanted = params.value.get('q') ?? '';
  const { rules } = list;
  const found = rules?.filter((rule) => matches(rule, wanted)) ?? [];
  return (
    <Page
      heading="Rules"
      beside={
        <>
          <input
            ref={filter}
            type="search"
            class="rule-filter"
            aria-label="Filter rules"
            placeholder="Filter ( / )"
            value={wanted}
            onInput={(event) => setParams({ q: event.currentTarget.value })}
          />
          <button type="button" class="primary" onClick={() => openCreateRule()}>Create rule</button>
          <ZoneNote />
        </>
      }
    >
      <ListFrame what="Rules" hasData={rules !== null} error={list.error} retry={list.reload}>
        {found.length > 0 && (
          <DataTable name="Rules" columns={columnsOf(list)} rows={found.slice(0, shown)} keyOf={({ id }) => id} />
        )}
        {rules && found.length === 0 && <Empty>No rule matches “{wanted}”</Empty>}
        {rules?.length === 1 && (
          <p class="after-table">The default rule applies to every stock. Create rules for what you watch for.</p>
        )}
        {found.length > shown && (
          <p class="after-table">
            <button type="button" onClick={() => setShown(shown + SHOWN)}>Show more</button>{' '}
            {formatCount(shown)} of {formatCount(found.length)} rules
          </p>
        )}
      </ListFrame>
    </Page>
  );
}

/** Whether a rule has each of the words. */
function matches(rule: Rule, wanted: string): boolean {
  const words = [ruleName(rule), ruleSentence(rule), describeKind(rule.kind).label, rule.note ?? ''];
  const text = words.join(' ').toLowerCase();
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

export const columnsOf = (list: Rules): Column<Rule>[] => [
  { name: 'Name', isRowHeader: true, class: 'wrap', render: (rule) => <Name rule={rule} /> },
  {
    name: 'Symbol',
    render: ({ symbol }) => (symbol ? <Link href={stockHref(symbol)}>{symbol}</Link> : 'All stocks'),
  },
  { name: 'Kind', render: ({ kind }) => describeKind(kind).label },
  {
    name: 'Threshold',
    class: 'number',
    render: (rule) => (describeKind(rule.kind).isLevel ? formatPrice(rule.threshold) : thresholdText(rule)),
  },
  { name: 'Trigger', render: ({ trigger }) => triggerLabel(trigger) },
  { name: 'Last fired', render: ({ lastFired }) => (lastFired ? <Time at={lastFired} /> : UNKNOWN) },
  { name: 'Enabled', render: (rule) => <EnabledSwitch rule={rule} list={list} /> },
  { name: 'Actions', isNameHidden: true, render: (rule) => <Actions rule={rule} list={list} /> },
];

function Name({ rule }: { rule: Rule }) {
  const second = [
    rule.isDefault ? 'The default rule' : null,
    rule.name ? ruleSentence(rule) : null,
    rule.expired ? 'Expired' : null,
    rule.note ?? null,
  ].filter((it) => it !== null);
  return (
    <>
      {ruleName(rule)}
      {second.length > 0 && <div class="second">{second.join(' · ')}</div>}
    </>
  );
}

function EnabledSwitch({ rule, list }: { rule: Rule; list: Rules }) {
  async function change(enabled: boolean) {
    if (!(await askAdminToken())) return;
    list.change(rule.id, { enabled });
    try {
      const changed = await mutate(UpdateRuleDocument, { input: { id: rule.id, enabled } });
      list.change(rule.id, changed ? changed.updateAlertRule.alertRule : { enabled: !enabled });
    } catch (error) {
      list.change(rule.id, { enabled: !enabled });
      const state = enabled ? 'disabled' : 'enabled';
      showMessage(`${ruleName(rule)} is still ${state}: ${messageOf(error)}`, { failed: true });
    }
  }
  return (
    <Switch
      label={`Enabled: ${ruleName(rule)}`}
      checked={rule.enabled}
      onChange={change}
      {...(rule.isDefault && { disabled: true, title: 'The setting ALERT_THRESHOLD defines the default rule' })}
    />
  );
}

function Actions({ rule, list }: { rule: Rule; list: Rules }) {
  const name = ruleName(rule);
  async function remove() {
    const text = `${name} is deleted. Its alerts stay.`;
    if (!(await confirm({ title: 'Delete rule', text, action: 'Delete' }))) return;
    try {
      const deleted = await mutate(DeleteRuleDocument, { input: { id: rule.id } });
      if (!deleted) return;
      list.remove(rule.id);
      focusHeading();
    } catch (error) {
      showMessage(`${name} was not deleted: ${messageOf(error)}`, { failed: true });
    }
  }
  if (rule.isDefault) return null;
  return (
    <div class="actions">
      <button type="button" aria-label={`Edit ${name}`} onClick={() => openEditRule(rule)}>Edit</button>
      <button type="button" aria-label={`Delete ${name}`} onClick={remove}>Delete</button>
    </div>
  );
}
