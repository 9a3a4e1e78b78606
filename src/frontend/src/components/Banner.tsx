import { CloseButton } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./Banner.module.css";

interface BannerProps {
  tone: "error" | "info";
  title: ReactNode;
  children: ReactNode;
  onClose?: () => void;
}

/** A word over the whole view: what happened to the model or the server, and what can be done. */
export function Banner({ tone, title, children, onClose }: BannerProps) {
  const Icon = tone === "error" ? IconAlertTriangle : IconInfoCircle;
  return (
    <div className={classes.banner} data-tone={tone} role={tone === "error" ? "alert" : "status"}>
      <span className={classes.icon}>
        <Icon size={18} aria-hidden />
      </span>
      <div style={{ flex: 1, minWidth: 0 }}>
        <div className={classes.title}>{title}</div>
        {children}
      </div>
      {onClose && <CloseButton size="sm" aria-label="Dismiss" onClick={onClose} />}
    </div>
  );
}
