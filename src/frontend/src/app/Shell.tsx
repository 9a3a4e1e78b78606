import { AppShell, Center, Loader } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { Suspense } from "react";
import { Route, Routes } from "react-router";
import { VIEWS } from "@/views/registry";
import { GoneBanner } from "./GoneBanner";
import { HelpModal } from "./HelpModal";
import { ModelLoading } from "./model/ModelLoading";
import { NotFound } from "./NotFound";
import classes from "./Shell.module.css";
import { TopBar } from "./TopBar";
import { ViewRail } from "./ViewRail";

/** Top bar, rail of views, and the view. */
export function Shell() {
  const [helpOpen, help] = useDisclosure(false);
  useHotkeys([["shift+?", help.open]]);
  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 72, breakpoint: 0 }}
      padding="sm"
      transitionDuration={0}
    >
      <a href="#view" className={classes.skip}>
        Skip to the view
      </a>
      <AppShell.Header className={classes.header}>
        <TopBar onHelp={help.open} />
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} aria-label="Views">
        <ViewRail />
      </AppShell.Navbar>
      <AppShell.Main id="view" tabIndex={-1} className={classes.main}>
        <GoneBanner />
        <ModelLoading />
        <Suspense
          fallback={
            <Center h="60vh">
              <Loader aria-label="Loading the view" />
            </Center>
          }
        >
          <Routes>
            {VIEWS.map(({ id, path, component: View }) => (
              <Route key={id} path={path} element={<View />} />
            ))}
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </AppShell.Main>
      <HelpModal opened={helpOpen} onClose={help.close} />
    </AppShell>
  );
}
