import { Page } from '../../components/Page.tsx';

export const RulesPage = () => <Page heading="Rules">{null}</Page>;
