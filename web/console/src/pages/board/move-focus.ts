/** Moves the focus to the link of the next row, or of the row before; to the first row from elsewhere. */
export function moveFocus(step: 1 | -1): void {
  const row = document.activeElement?.closest('tbody[data-rows] > tr');
  const target = row
    ? step === 1 ? row.nextElementSibling : row.previousElementSibling
    : document.querySelector('tbody[data-rows] > tr');
  const link = target?.querySelector<HTMLElement>('th a');
  link?.focus();
  link?.scrollIntoView({ block: 'nearest' });
}
