/** A list answers with the next page's address; only its cursor matters to us. */
export function cursorOf(nextUrl: string | null | undefined): string | null {
  if (nextUrl == null) return null;
  return new URL(nextUrl, "http://page.invalid").searchParams.get("cursor");
}
