/** The address of a logo. The API takes it without the mark of its version only. */
export const logoSource = (url: string): string => url.replace(/\?.*$/, '');
