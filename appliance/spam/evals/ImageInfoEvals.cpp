// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/ImageInfoEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/evals/ImageSize.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <utility>

namespace portcullis::spam {

namespace {

struct ImageFormat {
    QByteArrayView name;  ///< As rules say it.
    QByteArrayView type;
    QByteArrayView otherType;
    std::optional<ImageSize> (*size)(QByteArrayView data) = nullptr;
};

constexpr std::array<ImageFormat, 3> imageFormats{{{"gif", "image/gif", "image/gif", gifSize},
                                                   {"png", "image/png", "image/png", pngSize},
                                                   {"jpeg", "image/jpeg", "image/jpg", jpegSize}}};

/// What is known of the pictures of one format.
struct FormatImages {
    int count = 0;
    double area = 0;
    std::set<std::pair<quint32, quint32>> sizes;  ///< Height and width.
};

bool isWithin(const CallArguments &arguments, size_t index, double value)
{
    return value >= arguments.number(index)
           && (!arguments.has(index + 1) || value <= arguments.number(index + 1));
}

}  // namespace

struct ImageInfoEvals::Images final : Scan::Memory {
    bool isRead = false;
    std::array<FormatImages, imageFormats.size()> formats;
    FormatImages all;
    std::set<QByteArray> names;

    void read(MessageText &text);
    /// "gif", "png", "jpeg", "all"; null: there is no such format.
    [[nodiscard]] const FormatImages *of(const QByteArray &format) const;

private:
    void add(FormatImages &format, const std::optional<ImageSize> &size, const QByteArray &name);
};

void ImageInfoEvals::Images::read(MessageText &text)
{
    const std::vector<TextPart> &parts = text.parts();
    for (size_t index = 0; index < parts.size(); ++index) {
        const TextPart &part = parts[index];
        if (!part.isLeaf || part.value("Content-Transfer-Encoding").toLower() != "base64") {
            continue;
        }
        for (size_t format = 0; format < imageFormats.size(); ++format) {
            const ImageFormat &known = imageFormats[format];
            if (part.type == known.type || part.type == known.otherType) {
                add(formats[format], known.size(text.decoded(int(index))), part.name);
            }
        }
    }
    for (const FormatImages &format : formats) {
        all.count += format.count;
        all.area += format.area;
        all.sizes.insert(format.sizes.begin(), format.sizes.end());
    }
}

void ImageInfoEvals::Images::add(FormatImages &format,
                                 const std::optional<ImageSize> &size,
                                 const QByteArray &name)
{
    ++format.count;
    if (size) {
        format.area += double(size->width) * size->height;
        format.sizes.insert({size->height, size->width});
        if (!name.isEmpty()) {
            names.insert(name);
        }
    }
}

const FormatImages *ImageInfoEvals::Images::of(const QByteArray &format) const
{
    for (size_t index = 0; index < imageFormats.size(); ++index) {
        if (imageFormats[index].name == format) {
            return &formats[index];
        }
    }
    return format == "all" ? &all : nullptr;
}

QByteArray ImageInfoEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::ImageInfo";
}

void ImageInfoEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    m_patterns.read(rules, {"image_name_regex"}, 0, problems);
}

std::vector<EvalModule::Entry> ImageInfoEvals::functions() const
{
    const auto bound = [this](int (ImageInfoEvals::*function)(Scan &, const EvalCall &) const) {
        return [this, function](Scan &scan, const EvalCall &call) {
            return (this->*function)(scan, call);
        };
    };
    return {
        {"image_count", bound(&ImageInfoEvals::count)},
        {"pixel_coverage", bound(&ImageInfoEvals::coverage)},
        {"image_size_exact", bound(&ImageInfoEvals::hasSize)},
        {"image_size_range", bound(&ImageInfoEvals::hasSizeBetween)},
        {"image_named", bound(&ImageInfoEvals::hasName)},
        {"image_name_regex", bound(&ImageInfoEvals::matchesName)},
        {"image_to_text_ratio", bound(&ImageInfoEvals::textRatio)},
    };
}

ImageInfoEvals::Images &ImageInfoEvals::images(Scan &scan) const
{
    Images &images = scan.memory<Images>(this);
    if (!std::exchange(images.isRead, true)) {
        images.read(scan.text());
    }
    return images;
}

int ImageInfoEvals::count(Scan &scan, const EvalCall &call) const
{
    const CallArguments arguments(call);
    const FormatImages *format = images(scan).of(arguments.text(0));
    return arguments.has(1) && format && isWithin(arguments, 1, format->count);
}

int ImageInfoEvals::coverage(Scan &scan, const EvalCall &call) const
{
    const CallArguments arguments(call);
    const FormatImages *format = images(scan).of(arguments.text(0));
    return arguments.has(1) && format && isWithin(arguments, 1, format->area);
}

/// image_size_exact('gif', height, width)
int ImageInfoEvals::hasSize(Scan &scan, const EvalCall &call) const
{
    const CallArguments arguments(call);
    const FormatImages *format = images(scan).of(arguments.text(0));
    if (!arguments.has(2) || !format) {
        return 0;
    }
    const auto height = arguments.text(1).toUInt();
    const auto width = arguments.text(2).toUInt();
    return format->sizes.contains({height, width}) ? 1 : 0;
}

/// image_size_range('gif', least height, least width[, most height, most width])
int ImageInfoEvals::hasSizeBetween(Scan &scan, const EvalCall &call) const
{
    const CallArguments arguments(call);
    const FormatImages *format = images(scan).of(arguments.text(0));
    if (!arguments.has(2) || !format) {
        return 0;
    }
    return std::any_of(format->sizes.begin(), format->sizes.end(), [&](const auto &size) {
        const auto &[height, width] = size;
        return height >= arguments.number(1) && width >= arguments.number(2)
               && (!arguments.has(3) || height <= arguments.number(3))
               && (!arguments.has(4) || width <= arguments.number(4));
    });
}

int ImageInfoEvals::hasName(Scan &scan, const EvalCall &call) const
{
    return images(scan).names.contains(CallArguments(call).text(0)) ? 1 : 0;
}

int ImageInfoEvals::matchesName(Scan &scan, const EvalCall &call) const
{
    const std::optional<Pattern> pattern = m_patterns.find(CallArguments(call).text(0));
    if (!pattern) {
        return 0;
    }
    const std::set<QByteArray> &names = images(scan).names;
    return std::any_of(names.begin(), names.end(),
                       [&](const QByteArray &name) { return pattern->matches(name); });
}

/// Octets of text per square pixel; of the text that the rule is about.
int ImageInfoEvals::textRatio(Scan &scan, const EvalCall &call) const
{
    const CallArguments arguments(call);
    const FormatImages *format = images(scan).of(arguments.text(0));
    if (!arguments.has(2) || !format || format->area <= 0) {
        return 0;
    }
    const bool isRaw = scan.running() && scan.running()->kind == TestKind::RawBodyEval;
    const std::vector<QByteArray> &lines = isRaw ? scan.text().rawBody() : scan.text().body();
    const auto length = std::accumulate(
        lines.begin(), lines.end(), 0.0,
        [](double sum, const QByteArray &line) { return sum + double(line.size()); });
    const double ratio = length / format->area;
    return length > 0 && ratio >= arguments.number(1) && ratio < arguments.number(2);
}

}  // namespace portcullis::spam
