import "@mantine/core/styles.css";
import "./app/global.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { languageReady } from "./shared/i18n";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
const render = () =>
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
void languageReady.then(render, render);
