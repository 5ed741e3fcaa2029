#pragma once

#include <string_view>

namespace rtml::monitor {

/// Of the report page. One accent; orange is for alarms alone; the hues of the other lines differ in dash too.
inline constexpr std::string_view page_style = R"css(
:root{color-scheme:light dark;--bg:#fff;--ink:#1a1f24;--soft:#59636e;--rule:#e1e5e9;--faint:#f5f7f8;--accent:#0a5ea8;--alarm:#b3410e;
--was:#cfd5db;--calm:58 124 190;--orange:221 98 28;--c1:#b26a00;--c2:#8a4f9e;--c3:#1f7a52;--c4:#59636e;--c5:#a3386c}
@media (prefers-color-scheme:dark){:root{--bg:#15181b;--ink:#e4e7ea;--soft:#9aa4ae;--rule:#2c3238;--faint:#1c2024;--accent:#6db3f2;--alarm:#f0935a;
--was:#454d55;--c1:#e0a040;--c2:#c496d6;--c3:#62c499;--c4:#9aa4ae;--c5:#e08ab2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 3rem}
h1{font-size:1.05rem;font-weight:600;margin:0;overflow-wrap:anywhere}
h2{font-size:1.15rem;font-weight:600;margin:2.75rem 0 .25rem;padding-top:.9rem;border-top:1px solid var(--rule)}
h3{font-size:.95rem;font-weight:600;margin:1.5rem 0 .35rem}
p{margin:.35rem 0;max-width:44rem;overflow-wrap:anywhere}
.muted,.note,.sub{color:var(--soft)}
.note,.sub{font-size:.87rem}
.verdict{font-size:1.5rem;line-height:1.3;font-weight:600;margin:1rem 0 1.25rem;max-width:48rem}
.verdict svg{width:.72em;height:.72em;margin-right:.4em;fill:var(--accent)}
.alarm .verdict svg{fill:var(--alarm)}
.budget{margin:-.6rem 0 .35rem;max-width:48rem}
.budget+.sub{margin-bottom:1.4rem}
.flag{color:var(--alarm);font-size:.8em;margin-right:.4em;font-weight:400}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:.15em}
small{font-size:.85em;color:var(--soft)}
dl.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.75rem,1fr));gap:1rem 1.25rem;margin:0}
dl.tiles dt{color:var(--soft);font-size:.82rem}
dl.tiles dd{margin:0;font-size:1.3rem;line-height:1.35}
dl.tiles small{display:block;font-size:.82rem;color:var(--soft)}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem;min-width:24rem}
th{font-weight:600;text-align:left;color:var(--soft);font-size:.82rem;vertical-align:bottom}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--rule)}
td{vertical-align:top}
.n,.tables th:nth-child(n+2),.tables td:nth-child(n+2),.nums th:nth-child(n+2),.nums td:nth-child(n+2){text-align:right;white-space:nowrap}
td.w{min-width:11rem;max-width:30rem;overflow-wrap:anywhere}
td.k{max-width:20rem;overflow-wrap:break-word}
tr.main td{font-weight:600}
td.bar{white-space:nowrap;min-width:12rem}
.bar span{display:inline-block;height:.6em;background:var(--accent);margin-right:.5em}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);font-size:.9rem}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.3rem;margin:.6rem 0 .5rem;padding:0;font-size:.87rem}
ul.legend b{font-weight:600}
svg.key{width:28px;height:8px;margin-right:.45rem;vertical-align:middle}
.plot{display:grid;grid-template-columns:5.5rem 1fr;padding-right:1.2rem}
.plot>svg{width:100%;height:15rem;display:block;margin-top:.3rem;border-bottom:1px solid var(--soft)}
.y{position:relative;margin-top:.3rem;font-size:.8rem;color:var(--soft)}
.y span{position:absolute;right:.55rem;transform:translateY(50%);white-space:nowrap}
.x{grid-column:2;position:relative;height:1.5rem;font-size:.8rem;color:var(--soft)}
.x span{position:absolute;top:.2rem;transform:translateX(-50%);white-space:nowrap}
.lane,.row{display:grid;grid-template-columns:5.5rem 1fr;padding-right:1.2rem;align-items:center}
.lane span{font-size:.8rem;color:var(--soft);text-align:right;padding-right:.55rem}
.lane svg{width:100%;height:16px;background:var(--faint);margin:1px 0}
.heat .row{grid-template-columns:14rem 1fr;padding-right:0}
.heat .row>span{font-size:.84rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;padding-right:.7rem}
.heat .row>svg{width:100%;height:16px;margin:1px 0;background:var(--faint)}
.heat .row>svg.bars{height:34px;background:none;border-bottom:1px solid var(--rule)}
.alarmed{fill:var(--alarm)}
.m,.ft i,.ft td b{display:block;image-rendering:pixelated;background-repeat:no-repeat;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.m{height:13px;margin:1px 0 6px;background-size:100% calc(13px*var(--n));background-position:0 calc(-13px*var(--r))}
.ft i{height:14px;margin-bottom:4px;background-size:100% calc(14px*var(--n));background-position:0 calc(-14px*var(--r))}
.m::after,.ft i::after{content:"";display:block;position:relative;top:calc(100% + 1px);height:3px;image-rendering:pixelated;background-repeat:no-repeat;
background-size:100% calc(3px*var(--n));background-position:0 calc(-3px*var(--r))}
.ft td b{height:24px;width:72px;background-size:100% calc(24px*var(--n));background-position:0 calc(-24px*var(--r));border-bottom:1px solid var(--rule)}
.all{align-items:start;margin-top:.5rem}
.all .m{height:clamp(100px,calc(var(--n)*.5px),360px);background-size:100% 100%;background-position:0 0;image-rendering:auto}
.all .m::after{display:none}
span.key{display:inline-block;width:18px;height:11px;margin-right:.45rem;background:rgb(var(--calm))}
.k0{opacity:.1}.k1{opacity:.31}.k2{opacity:.55}.k3{opacity:.78}
span.ka{background:rgb(var(--orange)/.55);height:9px;box-shadow:0 1px var(--bg),0 4px rgb(var(--orange))}
.ft{width:100%;table-layout:fixed;min-width:46rem}
.ft tr>:nth-child(1){width:28%}.ft tr>:nth-child(2){width:15%}.ft tr>:nth-child(3){width:90px}
.ft tbody th{color:inherit;font-weight:400;font-size:.9rem;overflow-wrap:anywhere;vertical-align:middle}
.ft .al th::before{content:"\25A0\a0";content:"\25A0\a0" / "alarm: ";color:var(--alarm);font-size:.8em}
.ft td{vertical-align:middle}
.ft tr>:nth-child(n+4){text-align:right;white-space:nowrap}
.ft thead th{white-space:normal!important}
.ft tr>:last-child{padding-right:0}
.tables{display:flex;flex-wrap:wrap;align-items:flex-start;gap:0 3.5rem;margin-top:1rem}
.page table{min-width:0;font-size:.86rem}
.page td,.page th{padding-top:.18rem;padding-bottom:.18rem;white-space:nowrap}
details>summary>span{color:var(--soft)}
.page{border-left:2px solid var(--rule);padding-left:1rem;margin:.5rem 0 1.5rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:.6rem 2rem;align-items:start}
figure{margin:.5rem 0 0}
figcaption{font-size:.84rem;color:var(--soft);margin-bottom:.35rem}
figure svg{display:block;width:100%;height:120px;border-bottom:1px solid var(--soft)}
figure svg.low{height:34px;border:0}
.ends{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft);margin:.15rem 0;max-width:none}
.lat .row{grid-template-columns:5.5rem 1fr 1.2rem}
.lat .row>svg{height:30px}
.lat .plot{grid-template-columns:5.5rem 1fr 1.2rem}
.lat .row span:first-child{text-align:right}
path{fill:none;stroke-linecap:round;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.grid{stroke:var(--rule);stroke-width:1}
.at{stroke:var(--soft);stroke-width:1;stroke-opacity:.55}
.at.drift{stroke-dasharray:2 3}
.mark{stroke:var(--ink);stroke-width:2;stroke-linecap:butt}
.hit{stroke:transparent;stroke-width:11;pointer-events:stroke}
.ref{stroke:var(--soft);stroke-width:1.25;stroke-dasharray:1 4}
.s0{stroke:var(--accent);stroke-width:2.25}
.s1{stroke:var(--c1);stroke-width:1.5}
.s2{stroke:var(--c2);stroke-width:1.5;stroke-dasharray:7 4}
.s3{stroke:var(--c3);stroke-width:1.5;stroke-dasharray:2 4}
.s4{stroke:var(--c4);stroke-width:1.5;stroke-dasharray:9 4 2 4}
.s5{stroke:var(--c5);stroke-width:1.5;stroke-dasharray:12 5}
.dot{stroke-width:5;stroke-dasharray:none}
.was{fill:var(--was)}
.is{stroke:var(--accent);stroke-width:1.75;stroke-linecap:butt}
.before{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:5 3}
.part{fill:var(--soft);fill-opacity:.75}
.gap{stroke:var(--alarm);stroke-width:3;stroke-linecap:butt}
.change{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 3}
.raised{stroke:var(--alarm);stroke-width:1.25}
.alarms{stroke:var(--alarm);stroke-width:9;stroke-linecap:butt}
.band{stroke:none;fill-opacity:.16}.b0{fill:var(--accent)}.b2{fill:var(--c2)}
.t0,.t1,.t2,.t3{stroke:var(--accent);stroke-linecap:butt}
.t0{stroke-width:11;stroke-linecap:round}.t1{stroke-width:7}.t2{stroke-width:3.5}.t3{stroke-width:1.25}
.method{background:var(--faint);padding:.9rem 1.2rem;margin-top:.8rem;font-size:.9rem}
.method ul{margin:.3rem 0;padding-left:1.1rem}
.method li{margin:.3rem 0;max-width:46rem;overflow-wrap:anywhere}
@media (max-width:40rem){main{padding:1.25rem .9rem 2rem}.verdict{font-size:1.25rem}.plot,.lane{grid-template-columns:4.4rem 1fr}
.plot>svg{height:12rem}.heat .row{grid-template-columns:7rem 1fr}.lat .row,.lat .plot{grid-template-columns:4.4rem 1fr 1.2rem}
.x span:nth-child(even){display:none}dl.tiles{grid-template-columns:repeat(auto-fit,minmax(6.5rem,1fr))}
.ft{min-width:0;font-size:.82rem}.ft tr>:nth-child(n+6){display:none}.ft tr>:nth-child(1){width:36%}.ft tr>:nth-child(2){width:20%}.ft tr>:nth-child(3){width:58px}
.ft thead th{font-size:.72rem}.ft tbody th{font-size:.82rem}
.ft td b{width:48px}.ft th,.ft td{padding-right:.5rem}.page{padding-left:.6rem}}
@media print{:root{--bg:#fff;--ink:#000}main{max-width:none}section{break-inside:auto}tr,figure{break-inside:avoid}}
)css";

}  // namespace rtml::monitor
