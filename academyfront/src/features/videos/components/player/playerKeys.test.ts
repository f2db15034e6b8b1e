import { describe, expect, it } from "vitest";
import { commandOfKey } from "./playerKeys";

describe("the player's keys", () => {
  it.each([
    [" ", { type: "toggle" }],
    ["k", { type: "toggle" }],
    ["ArrowLeft", { type: "seek_by", seconds: -5 }],
    ["l", { type: "seek_by", seconds: 10 }],
    ["ArrowUp", { type: "volume_by", amount: 0.1 }],
    ["7", { type: "seek_to", fraction: 0.7 }],
    ["f", { type: "fullscreen" }],
    [">", { type: "rate_by", steps: 1 }],
    ["p", { type: "picture_in_picture" }],
  ])("%s", (key, command) => {
    expect(commandOfKey(key)).toEqual(command);
  });

  it.each(["a", "Enter", "Tab", "F5", "10"])("%s is left to the page", (key) => {
    expect(commandOfKey(key)).toBeNull();
  });
});
