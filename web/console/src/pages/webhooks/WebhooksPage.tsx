import { useState } from 'preact/hooks';
import { ListFrame } from '../../components/ListFrame.tsx';
import { Empty } from '../../components/ListState.tsx';
import { Page } from '../../components/Page.tsx';
import { ZoneNote } from '../../components/ZoneNote.tsx';
import { params, setParams } from '../../router/router.ts';
import { Deliveries } from './Deliveries.tsx';
import { openCreateWebhook } from './dialogs.tsx';
import { useWebhooks } from './useWebhooks.ts';
import { WebhookTable } from './WebhookTable.tsx';
import './webhooks.css';

export function WebhooksPage() {
  const list = useWebhooks();
  const { webhooks } = list;
  const [isCreating, setCreating] = useState(false);
  const selected = webhooks?.find(({ id }) => id === params.value.get('webhook')) ?? webhooks?.[0];
  async function create() {
    if (isCreating) return;
    setCreating(true);
    try {
      const created = await openCreateWebhook();
      if (!created) return;
      list.reload();
      setParams({ webhook: created });
    } finally {
      setCreating(false);
    }
  }
  return (
    <Page
      heading="Webhooks"
      beside={
        <>
          <button type="button" class="primary" onClick={create}>Create webhook</button>
          <ZoneNote />
        </>
      }
    >
      <ListFrame
        what="Webhooks"
        hasData={webhooks !== null}
        error={list.error}
        retry={list.reload}
        loadedAt={list.loadedAt}
      >
        {webhooks?.length === 0 && (
          <Empty>
            <p>There are no webhooks yet</p>
            <p>A webhook sends alerts to your server, a chat or a mailbox.</p>
          </Empty>
        )}
        {webhooks && webhooks.length > 0 && (
          <WebhookTable webhooks={webhooks} selected={selected?.id ?? null} reload={list.reload} />
        )}
      </ListFrame>
      {selected && <Deliveries key={selected.id} webhook={selected} />}
    </Page>
  );
}
