// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

void EvalModule::begin(Scan & /*scan*/) const {}

void EvalModule::finish(Scan & /*scan*/) const {}

void EvalModule::conclude(Scan & /*scan*/) const {}

}  // namespace portcullis::spam
