import { ActionIcon, Button, Group } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import { IconUpload, IconWifiOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, NavLink, Navigate, Outlet, ScrollRestoration, useLocation } from "react-router";
import { AccountMenu } from "@/features/auth/components/AccountMenu";
import { PageDropTarget } from "@/features/videos/components/PageDropTarget";
import { UploadDock } from "@/features/videos/components/UploadDock";
import { VideoEvents } from "@/features/videos/components/VideoEvents";
import { useIsOperator, useMayWrite, useSession } from "@/shared/api/session";
import { ColorSchemeSwitch } from "@/shared/ui/ColorSchemeSwitch";
import { LanguageSwitch } from "@/shared/ui/LanguageSwitch";
import { Logo } from "@/shared/ui/Logo";
import { ProblemView } from "@/shared/ui/ProblemView";
import classes from "./AppLayout.module.css";
import { PageLoading } from "./pages";

/** Header, page, dock: everything that a signed-in person sees. Anyone else is sent to the sign-in. */
export function AppLayout() {
  const session = useSession();
  const location = useLocation();
  const mayWrite = useMayWrite();

  if (session.isPending) return <PageLoading />;
  if (session.data === undefined) {
    return <ProblemView isWholePage error={session.error} onRetry={() => void session.refetch()} />;
  }
  if (!session.data.authenticated) {
    return <Navigate to="/login" replace state={{ from: location.pathname + location.search }} />;
  }
  return (
    <div className={classes.root}>
      <Header mayWrite={mayWrite} />
      <OfflineBanner />
      <main id="content" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
      <VideoEvents />
      {mayWrite && <PageDropTarget />}
      {mayWrite && <UploadDock />}
      <ScrollRestoration />
    </div>
  );
}

function Header({ mayWrite }: { mayWrite: boolean }) {
  const { t } = useTranslation();
  const isOperator = useIsOperator();
  const isOwner = useSession().data?.role === "owner";
  return (
    <header className={classes.header}>
      <a href="#content" className={classes.skip}>
        {t("app.skipToContent")}
      </a>
      <div className={classes.bar}>
        <Link to="/" className={classes.logo}>
          <Logo markOnlyOnPhone />
        </Link>
        <nav className={classes.nav}>
          <NavLink to="/" end className={() => classes.navLink}>
            {t("app.library")}
          </NavLink>
          {isOperator && (
            <NavLink to="/operations" className={() => classes.navLink} data-testid="nav-operations">
              {t("app.operations")}
            </NavLink>
          )}
          {isOwner && (
            <NavLink to="/settings" className={() => classes.navLink} data-testid="nav-settings">
              {t("app.settings")}
            </NavLink>
          )}
        </nav>
        <Group gap={6} wrap="nowrap">
          {mayWrite && <UploadLink />}
          <LanguageSwitch />
          <ColorSchemeSwitch />
          <AccountMenu />
        </Group>
      </div>
    </header>
  );
}

function UploadLink() {
  const { t } = useTranslation();
  return (
    <>
      <Button
        component={Link}
        to="/upload"
        size="sm"
        visibleFrom="sm"
        mr={6}
        leftSection={<IconUpload size={18} />}
        data-testid="nav-upload"
      >
        {t("app.upload")}
      </Button>
      <ActionIcon component={Link} to="/upload" size={36} hiddenFrom="sm" aria-label={t("app.upload")} mr={2}>
        <IconUpload size={19} />
      </ActionIcon>
    </>
  );
}

function OfflineBanner() {
  const { t } = useTranslation();
  const { online } = useNetwork();
  return (
    <div role="status" aria-live="polite">
      {!online && (
        <div className={classes.offline} data-testid="offline-banner">
          <IconWifiOff size={18} aria-hidden />
          {t("app.offline")}
        </div>
      )}
    </div>
  );
}
