import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

// Warm greys, an ink-blue green ("petrol") for what can be acted on, and amber,
// the colour of a barrier, for what asks for attention. Status colours are only
// used for status.
const petrol: MantineColorsTuple = [
  '#eaf4f5', '#d3e7e9', '#a6cfd3', '#76b5bc', '#4d9da6', '#2f8690', '#1c6f79', '#115a63', '#0c4850', '#07373e',
];
const stone: MantineColorsTuple = [
  '#faf9f7', '#f3f1ed', '#e8e5df', '#d9d4cc', '#bdb6ab', '#948c80', '#706960', '#565049', '#3b3732', '#24211e',
];
const night: MantineColorsTuple = [
  '#ecebe8', '#b9b6b0', '#a29e97', '#75716b', '#45423e', '#363431', '#272523', '#1c1b19', '#151413', '#0e0d0d',
];
const amber: MantineColorsTuple = [
  '#fff6e3', '#feebc4', '#fbd68a', '#f7c04f', '#f0a81c', '#cc8a0c', '#a36c07', '#835606', '#664306', '#4d3307',
];

const red: MantineColorsTuple = [
  '#fdf0ee', '#fbe0dc', '#f5c0b9', '#ee9c92', '#e67a6d', '#d9574a', '#c53a2d', '#a8261b', '#8f1d14', '#75150e',
];
const green: MantineColorsTuple = [
  '#edf7f0', '#dcefe2', '#b7dfc4', '#8fcfa4', '#66bd85', '#45a868', '#2f8a50', '#1d6b3a', '#16572f', '#0f4223',
];

export const theme = createTheme({
  colors: { petrol, amber, red, green, gray: stone, dark: night },
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.36,
  white: '#ffffff',
  black: '#24211e',
  defaultRadius: 'sm',
  radius: { xs: '3px', sm: '5px', md: '7px', lg: '10px', xl: '16px' },
  fontFamily: "'IBM Plex Sans Variable', 'Plex like Arial', 'Plex like DejaVu', system-ui, sans-serif",
  fontFamilyMonospace: "'IBM Plex Mono', ui-monospace, monospace",
  fontSizes: { xs: '0.8125rem', sm: '0.875rem', md: '0.9375rem', lg: '1.0625rem', xl: '1.25rem' },
  headings: {
    fontFamily: "'IBM Plex Sans Variable', 'Plex like Arial', 'Plex like DejaVu', system-ui, sans-serif",
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.625rem', lineHeight: '1.25' },
      h2: { fontSize: '1.1875rem', lineHeight: '1.35' },
      h3: { fontSize: '1rem', lineHeight: '1.4' },
    },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Badge: { defaultProps: { variant: 'light', tt: 'none', fw: 550, radius: 'sm' } },
    Paper: { defaultProps: { withBorder: true, radius: 'md' } },
    // The kit's <header> would be a second banner of the page.
    Modal: { defaultProps: { centered: true, radius: 'md', closeButtonProps: { 'aria-label': 'Close' }, attributes: { header: { role: 'presentation' } } } },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, attributes: { header: { role: 'presentation' } } } },
    // Beside its button, inside a landmark; the first item has the focus at once.
    Menu: { defaultProps: { withinPortal: false, withInitialFocusPlaceholder: false } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300, events: { hover: true, focus: true, touch: false } } },
    Table: { defaultProps: { verticalSpacing: 'xs', horizontalSpacing: 'md' } },
    Anchor: { defaultProps: { underline: 'hover' } },
    TextInput: { defaultProps: { inputWrapperOrder: ['label', 'description', 'input', 'error'] } },
    Loader: { defaultProps: { type: 'dots' } },
  },
});

/** Surfaces and text that the kit's own variables do not give enough contrast or calm. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#faf9f7',
    '--mantine-color-dimmed': '#625c54',
    '--mantine-color-placeholder': '#706960',
    '--mantine-color-error': '#a8261b',
    '--mantine-color-anchor': '#115a63',
    '--mantine-color-default-border': '#d9d4cc',
    '--mantine-color-green-light': '#e0f0e5',
    '--mantine-color-green-light-color': '#1a5e33',
    '--mantine-color-red-light': '#fbe6e3',
    '--mantine-color-red-light-color': '#9c2318',
    '--mantine-color-amber-light': '#fdeecb',
    '--mantine-color-amber-light-color': '#6b4503',
    '--mantine-color-gray-light': '#ece8e1',
    '--mantine-color-gray-light-color': '#4a453e',
    '--tg-panel': '#ffffff',
    '--tg-rail': '#f3f1ed',
    '--tg-line': '#e3dfd8',
    '--tg-hover': '#efece6',
    '--tg-menu-hover': '#f3f1ed',
    '--tg-good': '#1d6b3a',
    '--tg-warn': '#8a5a00',
    '--tg-bad': '#a8261b',
  },
  dark: {
    '--mantine-color-body': '#151413',
    '--mantine-color-dimmed': '#a8a49d',
    '--mantine-color-placeholder': '#918d86',
    '--mantine-color-error': '#ff9b8e',
    '--mantine-color-anchor': '#7fc4cc',
    '--mantine-color-default-border': '#45423e',
    '--mantine-color-green-light': '#1d3324',
    '--mantine-color-green-light-color': '#8fdba8',
    '--mantine-color-red-light': '#43211d',
    '--mantine-color-red-light-color': '#ffb0a5',
    '--mantine-color-amber-light': '#3b2e12',
    '--mantine-color-amber-light-color': '#f7cc72',
    '--mantine-color-petrol-light': '#123a41',
    '--mantine-color-petrol-light-color': '#b5dde1',
    '--mantine-color-gray-light': '#302e2b',
    '--mantine-color-gray-light-color': '#d3d0ca',
    '--tg-panel': '#1c1b19',
    '--tg-rail': '#191817',
    '--tg-line': '#33312d',
    '--tg-hover': '#272523',
    '--tg-menu-hover': '#363431',
    '--tg-good': '#7fcf9a',
    '--tg-warn': '#f3bf57',
    '--tg-bad': '#ff9b8e',
  },
});
