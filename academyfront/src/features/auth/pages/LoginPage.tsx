import { useState, type SubmitEvent } from "react";
import { Alert, Button, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Navigate, useLocation } from "react-router";
import { HttpProblem, asRecord } from "@/shared/api/problem";
import { useLogin, useSession } from "@/shared/api/session";
import { ColorSchemeSwitch } from "@/shared/ui/ColorSchemeSwitch";
import { LanguageSwitch } from "@/shared/ui/LanguageSwitch";
import { Logo } from "@/shared/ui/Logo";
import { problemWords } from "@/shared/ui/problemWords";
import classes from "./LoginPage.module.css";

export default function LoginPage() {
  const { t } = useTranslation();
  const session = useSession();
  const location = useLocation();
  if (session.data?.authenticated === true) return <Navigate to={returnPath(location.state)} replace />;

  return (
    <div className={classes.page}>
      <Group justify="flex-end" gap={4} className={classes.switches}>
        <LanguageSwitch />
        <ColorSchemeSwitch />
      </Group>
      <main className={classes.main}>
        <Stack gap="xl" className={classes.column}>
          <Stack gap={6} align="center">
            <Logo />
            <Text className={classes.subtitle}>{t("login.subtitle")}</Text>
          </Stack>
          <Paper className={classes.card}>
            <Title order={1} className={classes.title}>
              {t("login.title")}
            </Title>
            <LoginForm />
          </Paper>
        </Stack>
      </main>
    </div>
  );
}

function LoginForm() {
  const { t } = useTranslation();
  const login = useLogin();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [isChecked, setChecked] = useState(false);
  const required = (value: string) => (isChecked && value === "" ? t("login.required") : undefined);

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    setChecked(true);
    if (username !== "" && password !== "") login.mutate({ username, password });
  };

  return (
    <form onSubmit={submit} noValidate data-testid="login-form">
      <Stack gap="md">
        <LoginProblem error={login.error} />
        <TextInput
          label={t("login.username")}
          name="username"
          size="md"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
          error={required(username) ?? fieldError(login.error, "username")}
          data-testid="login-username"
        />
        <PasswordInput
          label={t("login.password")}
          name="password"
          size="md"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={required(password) ?? fieldError(login.error, "password")}
          data-testid="login-password"
        />
        <Button type="submit" size="md" mt="xs" fullWidth loading={login.isPending} data-testid="login-submit">
          {t("login.submit")}
        </Button>
      </Stack>
    </form>
  );
}

function LoginProblem({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (error === null) return null;
  const words = problemWords(error, t);
  return (
    <Alert color="red" icon={<IconAlertCircle />} title={words.detail} role="alert" data-testid="login-problem">
      {words.hint}
    </Alert>
  );
}

function fieldError(error: unknown, name: string): string | undefined {
  return error instanceof HttpProblem ? error.facts.fields[name]?.join(" ") : undefined;
}

/** Where the visitor wanted to go before the sign-in came between. */
function returnPath(state: unknown): string {
  const from = asRecord(state)["from"];
  return typeof from === "string" && from.startsWith("/") && !from.startsWith("//") ? from : "/";
}
