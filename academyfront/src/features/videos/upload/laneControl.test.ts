import { describe, expect, it } from "vitest";
import { afterArrival, afterSetback, allLanes, type LaneControl } from "./laneControl";

const after = (steps: string): number =>
  Array.from(steps).reduce(
    (control: LaneControl, step) => (step === "-" ? afterSetback(control) : afterArrival(control)),
    allLanes,
  ).lanes;

describe("the number of lanes", () => {
  it("stays at four after one setback", () => expect(after("-")).toBe(4));

  it("halves with every second setback in a row, and never ends", () => {
    expect(after("--")).toBe(2);
    expect(after("----")).toBe(1);
    expect(after("--------")).toBe(1);
  });

  it("forgets a setback once the line has carried two parts a lane", () => {
    expect(after("-++++++++-")).toBe(4);
    expect(after("-+++++++-")).toBe(2);
  });

  it("grows one by one, back to four and no further", () => {
    expect(after("----++")).toBe(2);
    expect(after("----++++++")).toBe(3);
    expect(after("----++++++++++++")).toBe(4);
    expect(after("++++++++++++++++")).toBe(4);
  });
});
