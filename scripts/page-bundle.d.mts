/** @returns for each path of the port, the type and the text of its file. */
export function bundlePage(): Promise<
  Readonly<Record<string, { readonly type: string; readonly body: string }>>
>;
