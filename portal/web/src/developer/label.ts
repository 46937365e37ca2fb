/** The gateway's host label in the address: /p/<label>/… */
export const label = decodeURIComponent(window.location.pathname.split('/')[2] ?? '');

/** Where the portal's pages begin. */
export const base = `/p/${encodeURIComponent(label)}`;
