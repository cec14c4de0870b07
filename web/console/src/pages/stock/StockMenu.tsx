import { messageOf } from '../../api/index.ts';
import { MenuButton } from '../../components/Menu.tsx';
import { showMessage } from '../../components/message.tsx';
import type { HistoryPriceFragment, StockHeadFragment } from '../../generated/graphql.ts';
import { refresh, track, untrack } from '../../stocks/actions.ts';
import { openCreateRule } from '../rules/create-rule.tsx';

interface Props {
  head: StockHeadFragment;
  latest: HistoryPriceFragment | null;
  onTracked(): void;
}

/** What can be done with the stock. */
export function StockMenu({ head: { symbol, tracked }, latest, onTracked }: Props) {
  async function trackAgain(): Promise<void> {
    try {
      if (await track(symbol)) onTracked();
    } catch (error) {
      showMessage(`${symbol} could not be tracked: ${messageOf(error)}`, { failed: true });
    }
  }
  const untrackIt = async () => (await untrack(symbol)) && onTracked();
  return (
    <div class="stock-actions">
      {!tracked && <span class="tag">no longer tracked</span>}
      {!tracked && <button type="button" onClick={() => void trackAgain()}>Track {symbol}</button>}
      <button type="button" onClick={() => openCreateRule({ symbol, price: latest?.price ?? null })}>Create rule</button>
      {tracked && (
        <MenuButton
          label={`More about ${symbol}`}
          items={[
            { label: 'Refresh', run: () => void refresh(symbol) },
            { label: 'Untrack', run: () => void untrackIt() },
          ]}
        />
      )}
    </div>
  );
}
