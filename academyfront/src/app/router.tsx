import { createBrowserRouter } from "react-router";
import LoginPage from "@/features/auth/pages/LoginPage";
import LibraryPage from "@/features/videos/pages/LibraryPage";
import { AppLayout } from "./AppLayout";
import { CrashPage, NotFoundPage, PageLoading } from "./pages";

export const router = createBrowserRouter([
  { path: "/login", element: <LoginPage />, errorElement: <CrashPage /> },
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
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
