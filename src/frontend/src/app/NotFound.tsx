import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "react-router";
import { EmptyState } from "@/components/Notice";

export function NotFound() {
  return (
    <EmptyState
      icon={<IconMapOff size={24} />}
      title="There is no such view"
      action={
        <Button component={Link} to="/" variant="default" size="sm">
          Go to Explore
        </Button>
      }
    >
      The address names none of the views at the left. It may come from another version of the program.
    </EmptyState>
  );
}
