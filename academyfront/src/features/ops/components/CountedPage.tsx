import type { ReactNode } from "react";
import { Anchor, Stack, Table, Text, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RowTable } from "@/shared/ui/RowTable";
import classes from "./CountedPage.module.css";

/** The most rows that the server lists. */
const MOST_SHOWN = 100;

interface CountedPageProps<Item> {
  title: string;
  testId: string;
  query: UseQueryResult<Item[]>;
  nobodyHere: string;
  row: (item: Item) => ReactNode;
}

/** What a number of the operations page counts, in rows. */
export function CountedPage<Item>({ title, testId, query, nobodyHere, row }: CountedPageProps<Item>) {
  const { t } = useTranslation();
  return (
    <Stack gap="lg" data-testid={testId}>
      <div>
        <Anchor component={Link} to="/operations" className={classes.back}>
          <IconArrowLeft size={17} aria-hidden />
          {t("ops.title")}
        </Anchor>
        <Title order={1}>{title}</Title>
      </div>
      <Panel title={t("ops.longestFirst")}>
        <Loaded query={query}>
          {(items) =>
            items.length === 0 ? (
              <Text c="var(--text-soft)">{nobodyHere}</Text>
            ) : (
              <>
                <RowTable>
                  <Table.Tbody>{items.map(row)}</Table.Tbody>
                </RowTable>
                {items.length === MOST_SHOWN && (
                  <Text size="sm" c="var(--text-soft)" mt="xs">
                    {t("ops.mostShown", { count: MOST_SHOWN })}
                  </Text>
                )}
              </>
            )
          }
        </Loaded>
      </Panel>
    </Stack>
  );
}
