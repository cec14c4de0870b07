import { Page } from '../../components/Page.tsx';

export const StatusPage = () => <Page heading="Status">{null}</Page>;
