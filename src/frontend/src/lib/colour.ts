/** Colour scales for data. Signed values get a diverging scale whose middle is the page's own ground. */

export type Rgb = readonly [number, number, number];
export type Stop = [number, string];

/* Crameri's berlin and vik: perceptually even, safe for colour-blind readers, with a middle
   of the page's own ground put in, so that near nothing looks like nothing. */
const BERLIN = [
  "#9eb0ff",
  "#5ba4db",
  "#2d7597",
  "#1a4256",
  "#11191e",
  "#15181c",
  "#280d01",
  "#501803",
  "#8a3f2a",
  "#c4756a",
  "#ffadad",
];
const VIK = [
  "#001261",
  "#033e7d",
  "#1e6f9d",
  "#71a8c4",
  "#c9dde7",
  "#f4f2f0",
  "#eacebd",
  "#d39774",
  "#be6533",
  "#8b2706",
  "#590008",
];
const VIRIDIS = [
  "#440154",
  "#482878",
  "#3e4a89",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6dcd59",
  "#b4de2c",
  "#fde725",
];

export type Theme = "dark" | "light";

export function parseHex(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export const cssColour = ([red, green, blue]: Rgb) =>
  `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (a: number, b: number) => a + (b - a) * share;
  return [at(from[0], to[0]), at(from[1], to[1]), at(from[2], to[2])];
}

/* A size has the same colours in both themes, and as a probability's: violet is little, yellow is much. */
function palette(signed: boolean, theme: Theme): string[] {
  if (signed) return theme === "dark" ? BERLIN : VIK;
  return VIRIDIS;
}

/** Evenly spaced stops, as Plotly takes them. */
export function colourScale(signed: boolean, theme: Theme): Stop[] {
  const colours = palette(signed, theme);
  return colours.map((colour, place) => [place / (colours.length - 1), colour]);
}

/** The colour at `share` (0 … 1) of the scale; outside values take the ends. */
export function sampleScale(share: number, signed: boolean, theme: Theme): Rgb {
  const colours = palette(signed, theme);
  const place = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * (colours.length - 1);
  const low = Math.floor(place);
  const from = colours[low] ?? "#000000";
  return mix(parseHex(from), parseHex(colours[low + 1] ?? from), place - low);
}

/** The colour of a probability, from violet for 0 to yellow for 1. */
export const chanceColour = (share: number): Rgb => sampleScale(share, false, "dark");

function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

export function contrast(one: Rgb, other: Rgb): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white, whichever reads better: never below 4.5 to 1. */
export function inkOn(ground: Rgb): "#000000" | "#ffffff" {
  return contrast(ground, [0, 0, 0]) >= contrast(ground, [255, 255, 255]) ? "#000000" : "#ffffff";
}

const GROUND: Record<Theme, Rgb> = { dark: [30, 37, 46], light: [244, 246, 248] };
const WARM: Record<Theme, Rgb> = { dark: [255, 138, 76], light: [240, 108, 40] };
const COOL: Record<Theme, Rgb> = { dark: [91, 164, 219], light: [52, 128, 190] };

/** Ground of a token chip for `value`, where `reach` is the size at which the colour is full. */
export function chipColour(value: number, reach: number, theme: Theme): Rgb {
  const share = reach > 0 ? Math.min(1, Math.abs(value) / reach) : 0;
  return mix(GROUND[theme], value < 0 ? COOL[theme] : WARM[theme], share);
}

/* Okabe and Ito's set, then Tol's, leaving out what vanishes on either ground. */
const GROUPS = [
  "#e69f00",
  "#56b4e9",
  "#009e73",
  "#d55e00",
  "#cc79a7",
  "#7a7ef0",
  "#b8b000",
  "#ee6677",
  "#44aa99",
  "#aa4499",
  "#999933",
  "#88ccee",
] as const;
const SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "star"] as const;

/** Colour and symbol of a group; beyond twelve groups the symbol tells them apart. */
export function groupStyle(group: number): { colour: string; symbol: string } {
  const colour = GROUPS[group % GROUPS.length] ?? GROUPS[0];
  return { colour, symbol: SYMBOLS[Math.floor(group / GROUPS.length) % SYMBOLS.length] ?? "circle" };
}
