#pragma once

// Every optimizer of Linear.
#include "rtml/learn/adagrad.hpp"
#include "rtml/learn/adam.hpp"
#include "rtml/learn/coin_betting.hpp"
#include "rtml/learn/ftrl_proximal.hpp"
#include "rtml/learn/multi_rate.hpp"
#include "rtml/learn/nag.hpp"
#include "rtml/learn/passive_aggressive.hpp"
#include "rtml/learn/sgd.hpp"
