import { describe, expect, it } from "vitest";
import { en } from "./en";
import { ko } from "./ko";

function entries(tree: object, path = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]: [string, unknown]) =>
    typeof value === "string" ? [[path + key, value]] : entries(value as object, `${path}${key}.`),
  );
}

const placeholders = (text: string) => Array.from(text.matchAll(/\{\{(\w+)\}\}/gu), ([, name]) => name).sort();

describe("the two catalogues", () => {
  const english = new Map(entries(en));

  it.each(entries(ko))("%s has both languages with the same placeholders", (key, korean) => {
    expect(korean.trim()).not.toBe("");
    expect(english.get(key)?.trim()).toBeTruthy();
    expect(placeholders(english.get(key) ?? "")).toEqual(placeholders(korean));
  });

  it("have no Korean left in the English one, but for the switch to Korean", () => {
    const left = entries(en).filter(([, text]) => /[가-힣]/u.test(text));
    expect(left.map(([key]) => key)).toEqual(["app.otherLanguage", "app.otherLanguageShort"]);
  });
});
