/** Puts a popover that is about to open below its button, above it where there is no room. */
export function place(event: ToggleEvent, box: HTMLElement, button: HTMLElement, size: { width: number; height: number } = { width: 240, height: 320 }): void {
  if (event.newState !== 'open') return;
  const at = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8));
  const above = at.bottom + size.height > innerHeight && at.top > size.height;
  box.style.left = `${left}px`;
  box.style.top = above ? `${at.top - size.height - 4}px` : `${at.bottom + 4}px`;
}
