import { Page } from '../../components/Page.tsx';

export const StockPage = ({ symbol }: { symbol: string }) => <Page heading={symbol}>{null}</Page>;
