import { Button, Container, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";

interface State {
  error: Error | null;
}

/** The last net: a fault in drawing leaves a page that says so. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Container size="xs" py={80} role="alert">
        <Title order={1} mb="xs">
          The page has failed
        </Title>
        <Text mb="md">
          This is a fault of the page, not of your model. Nothing recorded is lost. The message was:{" "}
          {error.message}
        </Text>
        <Button onClick={() => window.location.assign("/")}>Start again</Button>
      </Container>
    );
  }
}
