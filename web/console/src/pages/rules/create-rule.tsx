import { Dialog, openDialog } from '../../components/Dialog.tsx';

interface Prefilled {
  symbol?: string | null;
  /** The threshold to begin with, such as the price that the pointer is at. */
  price?: string | null;
}

/** Opens the dialog that creates a rule. */
export function openCreateRule(_prefilled: Prefilled = {}): void {
  openDialog((close) => <Dialog title="Create rule" onClose={close}>{null}</Dialog>);
}
