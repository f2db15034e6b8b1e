import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the page from source and hands every call to a running api.
const apiOrigin = process.env["ACADEMY_API_ORIGIN"] ?? "http://127.0.0.1:8000";
const proxied = { target: apiOrigin, changeOrigin: false };

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { host: "127.0.0.1", proxy: { "/api": proxied, "/playback": proxied } },
  preview: { host: "127.0.0.1", proxy: { "/api": proxied, "/playback": proxied } },
  build: {
    target: "es2022",
    // hls.js is one lazy chunk of about 500 kB before compression; everything else stays well below.
    chunkSizeWarningLimit: 600,
  },
  test: { environment: "node", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
