import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "react-router/dom";
import { createQueryClient } from "./queryClient";
import { router } from "./router";
import { cssVariables, theme } from "./theme";
import classes from "./App.module.css";

const queryClient = createQueryClient();

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Notifications position="top-center" limit={4} className={classes.toasts} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
