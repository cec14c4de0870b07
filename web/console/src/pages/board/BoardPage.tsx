import { Page } from '../../components/Page.tsx';

export const BoardPage = () => <Page heading="Stocks">{null}</Page>;
