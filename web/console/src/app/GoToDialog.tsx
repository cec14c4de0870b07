import { Dialog } from '../components/Dialog.tsx';

/** Finds stocks, pages and actions. */
export const GoToDialog = ({ onClose }: { onClose(): void }) => (
  <Dialog title="Go to" onClose={onClose}>
    <p>Not written yet.</p>
  </Dialog>
);
