import { Page } from '../../components/Page.tsx';

export const AlertsPage = () => <Page heading="Alerts">{null}</Page>;
