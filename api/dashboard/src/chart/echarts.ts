// The parts of ECharts that are drawn with, in a file of their own that loads when a chart is first shown.

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { connect, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, BarChart, ScatterChart, GridComponent, TooltipComponent, MarkAreaComponent, MarkLineComponent,
  DataZoomComponent, CanvasRenderer]);

export { connect, init };
export type { EChartsType } from "echarts/core";
