// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/spf/protocol/Wire.h"

#include <memory>

namespace portcullis::policy::spf {

/// Evaluates mechanisms and macros with libspf2. What libspf2 gets to compile are fixed texts of ours
/// ("v=spf1 +mx/24"), never a record from DNS: names and addresses reach it as values only. That keeps
/// the macro compiler of 1.2.10, whose space check can overflow, away from foreign bytes.
class Evaluator
{
public:
    Evaluator();  ///< Asks for the host name, so before the sandbox closes.
    ~Evaluator();
    Evaluator(const Evaluator &) = delete;
    Evaluator &operator=(const Evaluator &) = delete;

    wire::Reply run(const wire::Task &task);

private:
    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::policy::spf
