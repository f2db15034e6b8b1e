import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const brand: MantineColorsTuple = [
  "#eef2ff", "#dde5fd", "#b9c8f8", "#92a9f3", "#718eee", "#5a7beb", "#4566dd", "#3555d1", "#2a45ae", "#22388b",
];

// Cooler and a little lighter than Mantine's own, so that cards stand out from the page without heavy borders.
const dark: MantineColorsTuple = [
  "#e4e7ee", "#c3c8d3", "#98a0b0", "#717a8c", "#4c5464", "#363d4a", "#282e39", "#1d222b", "#14171e", "#0d0f14",
];

export const theme = createTheme({
  primaryColor: "brand",
  primaryShade: { light: 7, dark: 6 },
  colors: { brand, dark },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily:
    '"Pretendard Variable", Pretendard, -apple-system, BlinkMacSystemFont, "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", "Segoe UI", Roboto, sans-serif',
  headings: {
    fontWeight: "700",
    sizes: {
      h1: { fontSize: "1.625rem", lineHeight: "1.3" },
      h2: { fontSize: "1.25rem", lineHeight: "1.35" },
      h3: { fontSize: "1.0625rem", lineHeight: "1.4" },
    },
  },
  radius: { xs: "4px", sm: "6px", md: "10px", lg: "16px", xl: "24px" },
  shadows: {
    sm: "0 1px 2px rgb(16 24 40 / 6%), 0 1px 3px rgb(16 24 40 / 5%)",
    md: "0 4px 16px rgb(16 24 40 / 8%), 0 1px 3px rgb(16 24 40 / 6%)",
    lg: "0 16px 40px rgb(16 24 40 / 16%), 0 2px 8px rgb(16 24 40 / 8%)",
  },
});

/** The library's grey for secondary text is too pale for small sizes; ours is readable at 4.5 : 1 (WCAG 2.2, 1.4.3). */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#5a6374", "--mantine-color-placeholder": "#6b7385" },
  dark: { "--mantine-color-dimmed": "#a1a9b8", "--mantine-color-placeholder": "#8a93a3" },
});
