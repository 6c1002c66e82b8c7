// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/BodyPatterns.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::ImageInfo: number, size and names of attached pictures.
class ImageInfoEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    struct Images;
    Images &images(Scan &scan) const;
    int count(Scan &scan, const EvalCall &call) const;
    int coverage(Scan &scan, const EvalCall &call) const;
    int hasSize(Scan &scan, const EvalCall &call) const;
    int hasSizeBetween(Scan &scan, const EvalCall &call) const;
    int hasName(Scan &scan, const EvalCall &call) const;
    int matchesName(Scan &scan, const EvalCall &call) const;
    int textRatio(Scan &scan, const EvalCall &call) const;

    CallPatterns m_patterns;  ///< Of image_name_regex.
};

}  // namespace portcullis::spam
