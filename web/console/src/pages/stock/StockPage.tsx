import './stock.css';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { messageOf } from '../../api/index.ts';
import { Empty, Failed, Loading } from '../../components/ListState.tsx';
import { Page } from '../../components/Page.tsx';
import { useQuery } from '../../components/useQuery.ts';
import { useRefresh } from '../../components/useRefresh.ts';
import { arrowOf, formatPrice } from '../../format/number.ts';
import { StockPageDocument, StockStateDocument, type StockPageQuery } from '../../generated/graphql.ts';
import { useShortcuts } from '../../keyboard/keys.ts';
import { goBack, navigate, params, stockHref } from '../../router/router.ts';
import { track } from '../../stocks/actions.ts';
import { loadStocks, stocks } from '../../stocks/stocks.ts';
import { useAlerts } from '../alerts/useAlerts.ts';
import { openCreateRule } from '../rules/create-rule.tsx';
import { useRules } from '../rules/useRules.ts';
import { chooseInterval, toggleTable } from './chart-view.ts';
import { ChartPanel } from './ChartPanel.tsx';
import { HistoryTable } from './HistoryTable.tsx';
import { intervalOf, INTERVALS } from './intervals.ts';
import { pointedPrice } from './pointed-price.ts';
import { PriceHistory } from './PriceHistory.ts';
import { PricePanel } from './PricePanel.tsx';
import { StockAlerts } from './StockAlerts.tsx';
import { StockMenu } from './StockMenu.tsx';
import { StockRules } from './StockRules.tsx';

const SYMBOL = /^[A-Z0-9.\-^=/&:_]{1,32}$/;
/** Staleness, names and the hours of the market change without an event. */
const STATE_INTERVAL = 15_000;

/** Everything about one stock. */
export function StockPage({ symbol }: { symbol: string }) {
  usePageKeys(symbol);
  if (SYMBOL.test(symbol)) return <KnownSymbol symbol={symbol} />;
  return (
    <Page heading={symbol}>
      <Empty>
        <p>Not a symbol</p>
        <p>A symbol has 1 to 32 of the characters A–Z 0–9 . - ^ = / & : _</p>
      </Empty>
    </Page>
  );
}

function KnownSymbol({ symbol }: { symbol: string }) {
  // The interval of the first query: another one is loaded by the chart.
  const variables = useMemo(() => {
    const { candles } = intervalOf(params.peek());
    return { symbol, interval: candles ?? ('ONE_DAY' as const), withCandles: candles !== null };
  }, [symbol]);
  const { data, error, reload } = useQuery(StockPageDocument, variables);
  if (data?.stock) return <Stock key={data.stock.id} data={data} stock={data.stock} loaded={variables.interval} />;
  return (
    <Page heading={symbol}>
      {data && <NotTracked symbol={symbol} onTracked={reload} />}
      {!data && error === null && <Loading />}
      {!data && error !== null && <Failed what="Prices" error={error} retry={reload} />}
    </Page>
  );
}

function NotTracked({ symbol, onTracked }: { symbol: string; onTracked(): void }) {
  const [error, setError] = useState<string | null>(null);
  const [waiting, setWaiting] = useState(false);
  async function start(): Promise<void> {
    setWaiting(true);
    setError(null);
    try {
      if (await track(symbol)) onTracked();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setWaiting(false);
    }
  }
  return (
    <Empty>
      <p>Not tracked</p>
      {error && <p class="error" role="alert">{error}</p>}
      <button type="button" class="primary" aria-busy={waiting} onClick={() => void start()}>Track {symbol}</button>
    </Empty>
  );
}

interface Props {
  data: StockPageQuery;
  stock: NonNullable<StockPageQuery['stock']>;
  loaded: string;
}

function Stock({ data, stock, loaded }: Props) {
  const { symbol } = stock;
  const history = useMemo(
    () => new PriceHistory(symbol, stock.history.nodes, stock.history.pageInfo.hasNextPage),
    [symbol],
  );
  useEffect(() => history.follow(), [history]);
  const alerts = useAlerts(symbol);
  const rules = useRules(symbol);
  const state = useQuery(StockStateDocument, { symbol });
  useRefresh(state.reload, STATE_INTERVAL);
  const head = state.data?.stock ?? stock;
  const market = (state.data ?? data).status.market;
  const latest = history.latest.value;
  useShortcuts([
    {
      keys: 'n',
      label: 'Create rule',
      run: () => openCreateRule({ symbol, price: pointedPrice.peek() ?? history.latest.peek()?.price ?? null }),
    },
  ]);
  const title = latest
    ? [symbol, formatPrice(latest.price), arrowOf(latest.change)].filter(Boolean).join(' ')
    : symbol;
  return (
    <Page
      heading={symbol}
      title={title}
      class="stock-page"
      beside={
        <>
          <span class="stock-name">{head.name ?? ''}</span>
          <StockMenu head={head} latest={latest} onTracked={state.reload} />
        </>
      }
    >
      <div class="stock-grid">
        <PricePanel head={head} market={market} latest={latest} />
        <ChartPanel
          history={history}
          initial={{ interval: loaded, candles: stock.candles ?? null }}
          alerts={alerts}
          rules={rules}
        />
        <HistoryTable history={history} />
        <StockAlerts symbol={symbol} alerts={alerts} />
        <StockRules symbol={symbol} list={rules} />
      </div>
    </Page>
  );
}

/** The keys that act while the stock is loading, too: to other stocks, and to another view of the chart. */
function usePageKeys(symbol: string): void {
  useEffect(() => {
    if (!stocks.peek()) void loadStocks();
  }, []);
  const go = (step: number) => {
    const symbols = [...(stocks.peek()?.keys() ?? [])];
    const at = symbols.indexOf(symbol);
    const next = at < 0 ? symbols[0] : symbols[at + step];
    // The page before this one stays that of all stocks.
    if (next) navigate(`${stockHref(next)}${location.search}`, { replace: true });
  };
  useShortcuts([
    { keys: 'j', label: 'Next stock', run: () => go(1) },
    { keys: 'ArrowDown', label: 'Next stock', run: () => go(1) },
    { keys: 'k', label: 'Previous stock', run: () => go(-1) },
    { keys: 'ArrowUp', label: 'Previous stock', run: () => go(-1) },
    { keys: 'Escape', label: 'Back', run: goBack },
    { keys: 't', label: 'Table or chart', run: toggleTable },
    ...INTERVALS.map((it, at) => ({ keys: `${at + 1}`, label: it.name, run: () => chooseInterval(it) })),
  ]);
}
