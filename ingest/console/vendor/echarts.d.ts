/** Types of `/vendor/echarts.js`: Apache ECharts as assets.ts serves it. */
export * from 'echarts';
