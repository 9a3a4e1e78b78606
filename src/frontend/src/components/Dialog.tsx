import { Group, Modal } from "@mantine/core";
import type { ReactNode } from "react";

interface DialogProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  size: string | number;
  children: ReactNode;
}

/** A modal whose head is a plain row: Mantine's own is a `<header>`, which reads as a second banner of the page. */
export function Dialog({ title, opened, onClose, size, children }: DialogProps) {
  return (
    <Modal.Root opened={opened} onClose={onClose} size={size} yOffset="6vh">
      <Modal.Overlay backgroundOpacity={0.5} />
      <Modal.Content radius="md">
        <Group justify="space-between" px="md" pt="sm" pb="xs" wrap="nowrap">
          <Modal.Title fw={600}>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Group>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
