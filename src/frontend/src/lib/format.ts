/** Numbers, sizes and times as text. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "–";
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatCount(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  if (count >= 1e9) return `${(count / 1e9).toFixed(count >= 1e10 ? 0 : 1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(count >= 1e8 ? 0 : 1)}M`;
  if (count >= 1e4) return `${Math.round(count / 1e3)}k`;
  return count.toLocaleString("en-US");
}

/** What stands for a value that JSON can't carry: the server sends null for NaN and for infinities. */
const NOT_FINITE = "not finite";

/** Four significant digits with a true minus sign: what a table needs, not all that a float holds. */
export function formatValue(value: number | null): string {
  if (value === null) return NOT_FINITE;
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
  return text.replaceAll("-", "−").replace("e+", "e");
}

/** Two significant digits, for the marks of a scale. */
export function formatMark(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e4 || size < 1e-3))
    return value.toExponential(0).replaceAll("-", "−").replace("e+", "e");
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

/** Nine significant digits name a float32 uniquely; the double that carries it has more, all noise. */
export const roundExact = (value: number) => Number(value.toPrecision(9));
export const formatExact = (value: number | null) =>
  value === null ? NOT_FINITE : String(roundExact(value));

export function formatPercent(share: number | null): string {
  if (share === null) return NOT_FINITE;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent >= 99.95 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** How long something still takes: no finer than a person can use. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return "a moment";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.round((seconds % 3600) / 60)];
  return minutes === 60 ? `${hours + 1} h` : minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
}

export function formatAgo(iso: string, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(iso).toLocaleDateString();
}
