import { Icon, type IconName } from "./icons";
import "./switch.css";

interface SwitchProps {
  on: boolean;
  icon: IconName;
  label: string;
  onTurn: (on: boolean) => void;
}

/** Something that is on or off, over the whole width. */
export function Switch({ on, icon, label, onTurn }: SwitchProps) {
  return (
    <button type="button" role="switch" aria-checked={on} class="switch" onClick={() => onTurn(!on)}>
      <Icon name={icon} />
      <span>{label}</span>
      <span class="switch-track" aria-hidden="true" />
    </button>
  );
}
