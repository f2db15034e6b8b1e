import { createBrowserRouter } from "react-router";
import LibraryPage from "@/features/videos/pages/LibraryPage";
import { AppLayout } from "./AppLayout";
import { CrashPage, NotFoundPage, PageLoading } from "./pages";

export const router = createBrowserRouter([
  {
    path: "/login",
    errorElement: <CrashPage />,
    hydrateFallbackElement: <PageLoading />,
    lazy: async () => ({ Component: (await import("@/features/auth/pages/LoginPage")).default }),
  },
  {
    element: <AppLayout />,
    errorElement: <CrashPage />,
    hydrateFallbackElement: <PageLoading />,
    children: [
      { index: true, element: <LibraryPage /> },
      {
        path: "upload",
        lazy: async () => ({ Component: (await import("@/features/videos/pages/UploadPage")).default }),
      },
      {
        path: "videos/:videoId",
        lazy: async () => ({ Component: (await import("@/features/videos/pages/VideoPage")).default }),
      },
      {
        path: "operations",
        lazy: async () => ({ Component: (await import("@/features/ops/pages/OperationsPage")).default }),
      },
      {
        path: "operations/videos",
        lazy: async () => ({ Component: (await import("@/features/ops/pages/PlacePage")).default }),
      },
      {
        path: "operations/webhooks",
        lazy: async () => ({ Component: (await import("@/features/ops/pages/WebhooksPage")).default }),
      },
      {
        path: "settings",
        lazy: async () => ({ Component: (await import("@/features/settings/pages/SettingsPage")).default }),
      },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
