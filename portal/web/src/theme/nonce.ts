// The page carries a nonce for the few style elements that scripts make; see
// portal/internal/webui.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// Dialogs lock the page behind them by a style element of react-remove-scroll,
// which looks for the nonce under this name.
Object.assign(window, { __webpack_nonce__: nonce });

/** The nonce that style elements need. */
export const styleNonce = (): string => nonce;
