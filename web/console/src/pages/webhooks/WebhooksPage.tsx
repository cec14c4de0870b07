import { Page } from '../../components/Page.tsx';

export const WebhooksPage = () => <Page heading="Webhooks">{null}</Page>;
