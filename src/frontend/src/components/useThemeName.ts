import { useComputedColorScheme } from "@mantine/core";
import type { Theme } from "@/lib/colour";

/** Dark or light as it is on screen now, for colours that are computed. */
export const useThemeName = (): Theme => useComputedColorScheme("dark", { getInitialValueInEffect: false });
