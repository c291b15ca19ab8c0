/** Copies a text. Browsers give pages of another host over plain HTTP no clipboard. */

/** @returns false if the browser refuses. */
export async function copyText(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    const isCopied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    if (isCopied) return true;
  }
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  // The only way there is without a secure context.
  const isCopied = document.execCommand('copy');
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return isCopied;
}
