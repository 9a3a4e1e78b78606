import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
} from "@mantine/core";

/* The one accent; everything else that has a colour is data. */
const accent: MantineColorsTuple = [
  "#e6fcf8",
  "#c9f4ec",
  "#97e8d9",
  "#61dcc5",
  "#38d1b4",
  "#1fc9a8",
  "#0fb598",
  "#00927c",
  "#007563",
  "#00594b",
];
const dark: MantineColorsTuple = [
  "#d7dce4",
  "#b7bfcb",
  "#939dac",
  "#6b7585",
  "#3a434f",
  "#2a323c",
  "#1b2129",
  "#11151b",
  "#0c1015",
  "#080b0f",
];

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 8, dark: 4 },
  colors: { accent, dark },
  autoContrast: true,
  luminanceThreshold: 0.35,
  defaultRadius: "sm",
  cursorType: "pointer",
  // Mantine picks the ink on filled controls for the light theme's shade, in both themes.
  variantColorResolver: (input) => {
    const colours = defaultVariantColorsResolver(input);
    return input.variant === "filled"
      ? { ...colours, color: "var(--mantine-primary-color-contrast)" }
      : colours;
  },
  fontFamily:
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif",
  fontFamilyMonospace:
    "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.25rem" }, h2: { fontSize: "0.9375rem" }, h3: { fontSize: "0.875rem" } },
  },
  components: {
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, fz: "xs" } },
  },
});

/* Mantine's own greys for secondary text stay below 4.5 to 1 on white. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { "--ns-gutter": "4.5rem", "--ns-legend": "4.75rem" },
  light: {
    "--mantine-color-body": "#f3f5f7",
    "--mantine-color-dimmed": "#566070",
    "--mantine-color-placeholder": "#69727f",
    "--mantine-color-error": "#c01f2e",
    "--ns-surface": "#ffffff",
    "--ns-line": "#dde2e8",
    "--ns-chip": "#eef1f4",
    "--ns-hover": "#eceff3",
    "--ns-accent": "#007563",
    "--ns-accent-soft": "#d9f2ec",
    "--ns-accent-dim": "#7cc4b5",
    "--ns-others": "#aab2bd",
  },
  dark: {
    "--mantine-color-dimmed": "#939dac",
    "--mantine-color-error": "#ff8787",
    "--ns-surface": "#171c23",
    "--ns-line": "#2a323c",
    "--ns-chip": "#1e252e",
    "--ns-hover": "#212831",
    "--ns-accent": "#38d1b4",
    "--ns-accent-soft": "#123a35",
    "--ns-accent-dim": "#1d7264",
    "--ns-others": "#4f5967",
  },
});
