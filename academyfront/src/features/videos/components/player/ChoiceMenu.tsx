import type { ReactNode } from "react";
import { Menu } from "@mantine/core";
import classes from "./Player.module.css";

interface ChoiceMenuProps {
  label: string;
  testId: string;
  icon: ReactNode;
  chosen: string;
  onChoose: (value: string) => void;
  choices: readonly { value: string; text: string }[];
}

/** One of a few, from a button of the controls. */
export function ChoiceMenu({ label, testId, icon, chosen, onChoose, choices }: ChoiceMenuProps) {
  return (
    // Inside of the frame: on the full screen nothing outside of it is visible.
    <Menu withinPortal={false} withInitialFocusPlaceholder={false} position="top-end" width={150} shadow="lg">
      <Menu.Target>
        <button type="button" className={classes.button} aria-label={label} title={label} data-testid={testId}>
          {icon}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{label}</Menu.Label>
        <Menu.RadioGroup value={chosen} onChange={onChoose}>
          {choices.map(({ value, text }) => (
            <Menu.RadioItem key={value} value={value} closeMenuOnClick>
              {text}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}
