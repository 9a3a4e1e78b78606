import { Tooltip, UnstyledButton } from "@mantine/core";
import { IconAlertTriangleFilled, IconRosetteDiscountCheckFilled } from "@tabler/icons-react";
import type { LoadedAs } from "@/api/types";
import { formatValue } from "@/lib/format";
import classes from "./ParityBadge.module.css";

interface BadgeProps {
  loadedAs: LoadedAs;
  /** Shows the proof. */
  onOpen: () => void;
}

/** Whether what is shown is what Hugging Face's own model computes, as measured when it was loaded. */
export function ParityBadge({ loadedAs, onOpen }: BadgeProps) {
  const { parity, parity_difference: largest } = loadedAs;
  if (parity === null) return null;
  const holds = parity === "holds";
  const size =
    largest === null
      ? ""
      : largest === 0
        ? " The logits agree to the last bit."
        : ` The logits differ by ${formatValue(largest)} at most.`;
  const verdict = holds
    ? "Same as Hugging Face: looking into the model changes nothing of what it computes."
    : "Not the same as Hugging Face: what is shown differs from what the plain model computes, so don't trust its figures.";
  const Icon = holds ? IconRosetteDiscountCheckFilled : IconAlertTriangleFilled;
  return (
    <Tooltip label={`${verdict}${size}`} multiline maw={320}>
      <UnstyledButton
        className={classes.badge}
        data-parity={parity}
        aria-label={
          holds ? "= HF: the same as Hugging Face, see the proof" : "≠ Hugging Face: not the same, see why"
        }
        onClick={onOpen}
      >
        <Icon size={16} aria-hidden />
        <span>{holds ? "= HF" : "≠ Hugging Face"}</span>
      </UnstyledButton>
    </Tooltip>
  );
}
