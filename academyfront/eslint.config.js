import { readdirSync } from "node:fs";
import js from "@eslint/js";
import boundaries from "eslint-plugin-boundaries";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

const features = readdirSync(new URL("./src/features", import.meta.url));
const featureType = (name) => `feature-${name}`;

// shared <- features <- app; a feature never knows another feature.
const storeys = [
  { type: "shared", pattern: "src/shared" },
  { type: "app", pattern: "src/app" },
  ...features.map((name) => ({ type: featureType(name), pattern: `src/features/${name}` })),
];
const mayImport = (type, targets) => ({
  from: { element: { type } },
  allow: { to: { element: { types: { anyOf: targets } } } },
});

const noTextInCode = {
  selector: "JSXText[value=/[A-Za-z\\uAC00-\\uD7A3]/]",
  message: "Texts live in src/shared/i18n/ko.ts and en.ts.",
};
const noTextInAttributes = {
  selector:
    "JSXAttribute[name.name=/^(aria-label|title|placeholder|alt|label|description)$/] > Literal[value=/[A-Za-z\\uAC00-\\uD7A3]/]",
  message: "Texts live in src/shared/i18n/ko.ts and en.ts.",
};

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/shared/api/schema.d.ts"] },
  js.configs.recommended,
  { files: ["*.js", "scripts/*.js"], languageOptions: { globals: globals.node } },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { boundaries },
    settings: {
      "boundaries/include": ["src/**/*"],
      "boundaries/elements": storeys,
      "import/resolver": { typescript: { project: "./tsconfig.app.json" } },
    },
    rules: {
      "boundaries/dependencies": [
        "error",
        {
          default: "disallow",
          policies: [
            mayImport("app", ["shared", ...features.map(featureType)]),
            ...features.map((name) => mayImport(featureType(name), ["shared"])),
            { from: { element: { type: "*" } }, allow: { to: { module: { origin: "external" } } } },
          ],
        },
      ],
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "no-console": "error",
      "no-restricted-syntax": ["error", noTextInCode, noTextInAttributes],
    },
  },
  {
    files: ["src/**/*.tsx"],
    extends: [jsxA11y.flatConfigs.strict, reactHooks.configs.flat.recommended],
  },
  {
    // The upload engine must run, and be tested, without a page around it.
    files: ["src/features/*/upload/**", "src/features/*/utils/**"],
    rules: {
      "no-restricted-imports": ["error", { patterns: ["react", "react-*", "react/*", "@mantine/*", "@tanstack/*"] }],
    },
  },
);
