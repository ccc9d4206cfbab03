// What every page gets beyond plain HTML. Each part is optional: without script the pages still work.
import { startBars } from "./bars.js";
import { startCopy } from "./copy.js";
import { startKeyboard } from "./keyboard.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startPlaces } from "./places.js";

startBars();
startCopy();
startKeyboard();
startLive();
startMenus();
startPlaces();
